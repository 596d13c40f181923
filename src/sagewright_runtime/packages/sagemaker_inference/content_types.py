"""Media types by name."""

JSON, CSV, OCTET_STREAM, ANY = "application/json", "text/csv", "application/octet-stream", "*/*"
NPY, NPZ = "application/x-npy", "application/x-npz"
UTF8_TYPES = [JSON, CSV]
