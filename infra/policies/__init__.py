"""Policy as code: the rules that every cloud stack is held to, in a render and by Pulumi as it deploys."""
