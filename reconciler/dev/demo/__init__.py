"""`reconciler demo`: the whole story on this machine, scene by scene. `story.py` says how to add one."""
