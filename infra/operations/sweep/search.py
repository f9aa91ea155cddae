"""The whole search: every kind, in every region of the stack."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from infra.operations.account import Account, AccountError
from infra.operations.stack import Stack
from infra.operations.sweep import compute, data, kept, network, services, tagged
from infra.operations.sweep.leftover import Leftover, Lister, Look, Sweep
from infra.render.prices import Prices

# Kinds looked for at once; more only wait for AWS's own limits on requests.
_WORKERS = 6
# In the order in which leftovers can be removed.
REGIONAL = (*services.LISTERS, *compute.LISTERS, *network.LISTERS, *data.LISTERS)


def search(stack: Stack, account: Account, account_id: str, prices: Prices, tell: Callable[[str], None]) -> Sweep:
    """Find all that is left of a stack.

    Args:
        tell: Called with each kind before it is looked for.
    """
    covered = [kind for one in (*REGIONAL, *services.GLOBAL_LISTERS) for kind in one.covers]
    asked: list[tuple[Lister, Look]] = []
    for region in stack.regions:
        look = Look(stack=stack, account=account, account_id=account_id, region=region, prices=prices)
        everywhere = services.GLOBAL_LISTERS if region == stack.region else ()
        asked += [(one, look) for one in (*REGIONAL, *everywhere, tagged.lister(covered))]
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        answers = list(pool.map(lambda pair: _looked(pair[0], pair[1], tell), asked))
    return Sweep(
        leftovers=tuple(kept.with_reason(one, stack) for found, _ in answers for one in found),
        unseen=tuple(why for _, why in answers if why),
    )


def _looked(lister: Lister, look: Look, tell: Callable[[str], None]) -> tuple[Sequence[Leftover], str]:
    tell(f"{lister.kind} in {look.region}")
    try:
        return list(lister.look(look)), ""
    except AccountError as error:
        return [], f"{lister.kind} in {look.region}: {error}"
