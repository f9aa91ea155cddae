"""What would make `pulumi up` fail, told before it starts.

Each module holds one subject: the facts as plain data, the calls that gather them, and pure functions that turn
facts and settings into findings.
"""
