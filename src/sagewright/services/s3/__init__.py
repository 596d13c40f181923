"""Amazon S3 on the object store: buckets, objects, listings, multipart uploads, tags and CORS.

Files that begin with an underscore hold what several operations share. Server-side encryption and storage classes are
accepted but have no effect, and no answer claims that they have. Members that change the meaning of an object (customer
keys, object lock, ACLs) are refused, and so are a bucket's settings that have no effect here (``not_configured``).

Two things that browsers do have no operation in S3's model and live in the gateway: uploads by form
(``gateway/aws/post_object.py``) and CORS (``gateway/aws/cors.py``).
"""
