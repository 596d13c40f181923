"""May this caller do this? Policies, conditions, identities and the decision, as the IAM User Guide has them."""
