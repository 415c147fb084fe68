"""What a person touches: the `kanal` command, the stack in one process, the address where its state can be read."""

__version__ = "0.1.0"
