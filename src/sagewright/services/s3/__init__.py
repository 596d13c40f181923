"""Amazon S3 on the object store: buckets, objects, listings, multipart uploads, tags and CORS.

Files that begin with an underscore hold what several nouns share. Server-side encryption and storage classes may be
asked for and are not carried out, and no answer claims they were; what would change the meaning of an object (customer
keys, object lock, ACLs) is refused, and so are a bucket's settings that nothing would carry out (``unset``).

Two things that browsers do have no operation in S3's model and live in the gateway: uploads by form
(``gateway/aws/post_object.py``) and CORS (``gateway/aws/cors.py``).
"""
