"""Files behind `s3://` addresses and trained models: a local folder by default, an S3 service by setting."""
