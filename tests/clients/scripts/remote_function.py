"""A function that runs as a job, by the SDK's decorator."""

from sagemaker.remote_function import remote


def make(image: str, instance: str = "ml.m5.large"):
    """``add`` in the image."""

    @remote(image_uri=image, instance_type=instance, keep_alive_period_in_seconds=0)
    def add(first: int, second: int) -> int:
        print(f"adding {first} and {second}")
        return first + second

    return add
