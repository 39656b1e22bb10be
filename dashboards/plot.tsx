import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { isDark } from './theme.ts';

/** What a chart is made of: options once, data whenever it changed. */
export interface PlotProps {
  /** Called once, when there is a place to draw. The size is set by the chart's own box. */
  readonly options: () => Omit<uPlot.Options, 'width' | 'height'>;
  readonly data: uPlot.AlignedData;
  /** What the picture says, in words, for who cannot see it. */
  readonly label: string;
  readonly size: 'is-tall' | 'is-spark';
}

/** A uPlot canvas that follows its box, the theme and its data. It draws at most once per render, and a render comes at most once per frame. */
export function Plot({ options, data, label, size }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = isDark();
  useEffect(() => {
    const place = box.current;
    if (!place) return;
    const made = new uPlot({ ...options(), width: place.clientWidth, height: place.clientHeight }, data, place);
    plot.current = made;
    const follow = new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: place.clientHeight }));
    follow.observe(place);
    return () => {
      follow.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [dark]);
  useEffect(() => plot.current?.setData(data), [data]);
  return <div ref={box} class={`chart ${size}`} role="img" aria-label={label} />;
}
