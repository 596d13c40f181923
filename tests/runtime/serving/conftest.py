"""Model directories that the model server's tests share."""
