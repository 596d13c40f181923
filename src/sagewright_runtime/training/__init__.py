"""What SageMaker's training containers do around a user's program, standard library alone.

``environment`` reads the job's configuration files and makes arguments and ``SM_*`` variables of them, ``entry`` runs
the program, ``main`` is the ``train`` command and reports how it went.
Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html and
https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md
"""
