"""The part of ``sagemaker_containers`` that scripts import from."""
