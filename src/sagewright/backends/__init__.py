"""Where work runs. A backend is one file; base.py is the contract all of them keep."""
