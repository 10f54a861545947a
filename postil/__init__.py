"""postil: a language server that reviews code in the editor, while it is written."""

__version__ = "0.1.0"
