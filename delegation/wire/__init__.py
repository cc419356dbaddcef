"""Values to messages and back, one module for each gRPC service. No gRPC here, only messages.

`x_message` makes a message, `read_x` reads one that came from the other side and believes nothing
of it: lengths, sizes and kinds are checked before anything else sees the value.
"""
