"""`reconciler demo`: the whole story on this machine, told scene by scene. `story.py` says how to add one."""
