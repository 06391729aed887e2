from mage.utils.batch_loader import run_block

if 'data_loader' not in globals():
    from mage_ai.data_preparation.decorators import data_loader


@data_loader
def generate_data(*args, **kwargs):
    """The orders of the days, as Parquet files in the object store. Returns the id of the run."""
    scheduled_at = kwargs['execution_date'].strftime('%Y-%m-%dT%H:%M:%SZ')
    options = {
        '--from': kwargs.get('days_from'),
        '--to': kwargs.get('days_to'),
        '--rows': kwargs.get('rows'),
        '--scenario': kwargs.get('scenario'),
    }
    given = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    return run_block('generate_data', '--scheduled-at', scheduled_at, *given)
