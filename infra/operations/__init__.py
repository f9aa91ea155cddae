"""What people do with a cloud stack besides `pulumi up`: look ahead, pause, take down, look behind, restore."""
