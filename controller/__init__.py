"""What commands the data plane: watches resources, compiles the plan, makes topics and groups, writes status."""
