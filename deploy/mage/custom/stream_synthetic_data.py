from mage.utils import generator

if 'custom' not in globals():
    from mage_ai.data_preparation.decorators import custom


@custom
def stream_synthetic_data(*args, **kwargs):
    """Has the generator send the orders of the original pipeline. Returns which run of the generator that is."""
    return generator.start(
        scenario='original',
        messages=int(kwargs.get('messages', 10000)),
        seconds_between_messages=float(kwargs.get('seconds_between_messages', 3)),
    )
