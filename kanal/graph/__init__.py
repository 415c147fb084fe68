"""The picture of an installation: what sends to what, what reads from what, and what of it is broken.

`build.graph_of` makes a `model.Graph` of plain documents, `narrow` cuts one namespace out of it, and `render` draws it.
Everything here is pure: the documents come from the caller, and the same documents give the same bytes.
"""
