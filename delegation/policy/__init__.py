"""Policy: the operator's rules about grants, handoffs and calls, over what a chain permits.

`port` is what the service knows of it. `cedar` decides by Cedar policies in process; `load` reads them.
"""
