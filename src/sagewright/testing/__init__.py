"""Shipped test help for users and for new backends and stores."""
