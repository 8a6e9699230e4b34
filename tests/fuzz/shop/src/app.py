"""A function of the shop that answers every request."""


def handler(event, context):
    return {"statusCode": 200, "body": "fine"}
