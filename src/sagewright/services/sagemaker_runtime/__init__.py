"""SageMaker's runtime, but for InvokeEndpoint, which the gateway answers itself (``gateway/ways/invoke.py``)."""
