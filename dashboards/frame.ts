/**
 * At most one call of `work` per animation frame, however often it is asked for. A hidden page draws nothing and keeps the one request
 * until it is shown again.
 */
export function oncePerFrame(work: () => void): () => void {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      work();
    });
  };
}
