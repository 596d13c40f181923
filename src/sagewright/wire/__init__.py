"""AWS on the wire: botocore models in, validated Python values out, and back."""
