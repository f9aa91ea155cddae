"""What the stacks stand on in an AWS account: their state, its key, and the roles that deploy them.

A Pulumi project of its own, run by hand once an account; docs/bootstrap.md has the commands.
"""
