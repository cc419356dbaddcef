"""Where what the service acknowledged is kept.

`port` is what the service sees, `records` the values that go in and out. Adapters
(`sqlite`) are chosen by the composition root alone; nothing else imports them.
"""
