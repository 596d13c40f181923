"""XGBoost: training and serving by the contract of SageMaker's built-in algorithm, and its script mode."""
