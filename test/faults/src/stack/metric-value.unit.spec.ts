import { metricValue } from './metric-value';

const TEXT = [
  '# TYPE orderstream_lag gauge',
  'orderstream_lag_other{topic="a",partition="1"} 4',
  'orderstream_lag{topic="a",partition="11",app="x"} 5',
  'orderstream_lag{topic="a",partition="1",app="x"} 6.5',
  'orderstream_lag{topic="b",partition="1",app="x"} 7',
].join('\n');

it.each([
  [{ topic: 'a', partition: '1' }, 6.5],
  [{ topic: 'b' }, 7],
  [{ topic: 'c' }, undefined],
])('the value of the series with the labels %j is %s', (labels, value) => {
  expect(metricValue(TEXT, 'orderstream_lag', labels)).toBe(value);
});
