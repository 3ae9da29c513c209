// One quantity over the last two minutes.

const WIDTH = 240;
const HEIGHT = 64;
const POINTS = 120;

export function Chart({ title, value, values }: { title: string; value: string; values: number[] }) {
  const top = Math.max(1, ...values);
  const x = (index: number) => WIDTH - (values.length - 1 - index) * (WIDTH / (POINTS - 1));
  const y = (each: number) => HEIGHT - 2 - (each / top) * (HEIGHT - 4);
  const points = values.map((each, index) => `${x(index).toFixed(1)},${y(each).toFixed(1)}`).join(" ");
  return (
    <figure class="card chart">
      <figcaption>{title}</figcaption>
      <strong>{value}</strong>
      <small>at most {Math.max(...values).toFixed(1)} in two minutes</small>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${title}: now ${value}, most ${top.toFixed(1)}`}>
        <polygon points={`${x(0).toFixed(1)},${HEIGHT} ${points} ${WIDTH},${HEIGHT}`} />
        <polyline points={points} />
      </svg>
    </figure>
  );
}
