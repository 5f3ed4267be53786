"""Not a stage: a constant answer from nginx, to measure the limit of the load generator."""

from provisioning.deploys import common, front
from provisioning.lab import Lab


def deploy(lab: Lab) -> None:
    common.machine(lab)
    front.nginx(lab, lab.stage)
