"""What people are shown of a change before it is made, and of a stack that changed by itself.

For a pull request: how the render, the cost and the policies change, and what Pulumi would do, as one comment. Each
night: which stacks are no longer what their program says, as one issue.
"""
