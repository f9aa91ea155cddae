"""What stack ``cluster`` has in place of AWS: a Postgres, an S3 server and secrets inside of the cluster."""
