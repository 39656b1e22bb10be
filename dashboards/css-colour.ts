const known = new Map<string, string>();

/** What a custom property of tokens.css is right now, as a colour that a canvas takes; `alpha` in 0..1. Remembered for each theme. */
export function cssColour(name: string, alpha = 1): string {
  const key = `${document.documentElement.dataset['theme']} ${name} ${alpha}`;
  const colour = known.get(key) ?? resolve(name, alpha);
  known.set(key, colour);
  return colour;
}

function resolve(name: string, alpha: number): string {
  const probe = document.createElement('span');
  probe.hidden = true;
  probe.style.color = alpha === 1 ? `var(${name})` : `color-mix(in srgb, var(${name}) ${alpha * 100}%, transparent)`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
