"""How a request changes part of a document: merge patch, JSON patch and strategic merge patch, each a pure function.

Documents and patches are what JSON gives: dict, list, str, int, float, bool, None. No input is ever changed, and a result
shares nothing with the inputs, so that whoever gets it may go on changing it.
"""

from __future__ import annotations

from kanal.api.kube.jsonpatch import json_patched
from kanal.api.kube.mergepatch import merged
from kanal.api.kube.strategic import strategically

__all__ = ["json_patched", "merged", "strategically"]
