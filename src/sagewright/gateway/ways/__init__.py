"""The ways in beside plain AWS calls, a file each: InvokeEndpoint, the doors of jobs, CONNECT."""
