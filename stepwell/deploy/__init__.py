"""Templates: SAM, CloudFormation and what CDK synthesises, read and made an app.

`template.py` is where to begin: the text of a template becomes a `Template`, which says what there is to run and what
is not run here; `template_app.py` makes a `Stepwell` app of it.
"""
