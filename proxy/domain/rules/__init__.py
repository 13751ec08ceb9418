"""The rules for one signature, a file for each thing that they look at.

`refused` is used only where Zoom is known to refuse; what is uncertain is a warning and says so.
"""
