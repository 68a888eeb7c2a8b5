"""What people see: the worklist of every slide, where it is, and why it waits for them."""
