"""Amazon S3 on the object store: buckets, objects, listings and multipart uploads.

Files that begin with an underscore hold what several nouns share. Server-side encryption and storage classes may be
asked for and are not carried out, and no answer claims they were; what would change the meaning of an object (customer
keys, tags, object lock, ACLs) is refused.
"""
