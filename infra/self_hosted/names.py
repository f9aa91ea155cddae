"""Names and addresses that the parts of the stack know each other by."""

from infra.apps.contract import address

DATABASE, STORAGE = "database", "storage"
POSTGRES, POSTGRES_PORT = "postgres", 5432
POSTGRES_HOST = f"{POSTGRES}.{DATABASE}.svc.cluster.local"
# Pipelines whose steps are Jobs, and the CronJob that is the template of what orchestrates a run.
PIPELINES, TRAINING = "pipelines", "training"
MASTER_USER = "keelson"
OBJECTS, OBJECTS_PORT = "object-storage", 7070
OBJECTS_ADDRESS = address(OBJECTS, STORAGE, OBJECTS_PORT)
# The S3 server takes any; clients must name the same.
REGION = "us-east-1"
