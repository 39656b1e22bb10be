import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { oncePerFrame } from './frame.ts';
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

/** A uPlot canvas that follows its box, the theme and its data; new data is drawn at most once a frame, however often it comes. */
export function Plot({ options, data, label, size }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = isDark();
  const newest = useRef(data);
  newest.current = data;
  const draw = useMemo(() => oncePerFrame(() => plot.current?.setData(newest.current)), []);
  useLayoutEffect(() => {
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
  useLayoutEffect(draw, [data]);
  return <div ref={box} class={`chart ${size}`} role="img" aria-label={label} />;
}
