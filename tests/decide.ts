const triesMax = 30;

/**
 * The decision on a payment, by POST /v1/decide. It is waited for 2 s there; a busy machine may take longer. Then the same is sent again: a payment
 * that was decided is not decided twice, and the answer is the decision that was stored.
 */
export async function decide(url: string, payment: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  for (let tries = 1; ; tries++) {
    const response = await fetch(`${url}/v1/decide`, { method: 'POST', headers, body: JSON.stringify(payment) });
    if (response.status === 200) return response.json();
    if (response.status !== 504 || tries === triesMax) throw new Error(`${response.status}: ${await response.text()}`);
  }
}
