"""Whether a caller may do something: policies, conditions, identities and the decision, by the IAM User Guide."""
