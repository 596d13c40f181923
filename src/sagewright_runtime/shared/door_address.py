"""Where a job's door is (``agent.door`` opens it, the server fetches it)."""

ADDRESS, PORT = "169.254.170.2", 80
NAME = "door.sock"
MARK = "{door}"
"""In values of environment variables: where the door is, as URLs have it."""
