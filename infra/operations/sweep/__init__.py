"""What a stack left in the account, by tag and by name, with its monthly cost.

Each module lists one area's kinds of resources; ``belonging`` decides whose a resource is, ``kept`` what stays on
purpose. Nothing is changed.
"""
