// Runs one child to its end, as if it were us: same terminal, signals passed on, its exit code ours.
import { spawn } from 'node:child_process';

/** Ctrl-C reaches us from the terminal and again from npm, milliseconds apart: that is one wish, not two. */
const sameWishMs = 700;

/**
 * Resolves with the exit code (128 + signal number when a signal ended it). The child has a process group of its own, so that a
 * terminal's Ctrl-C reaches it only through us, exactly once; what it leaves running in that group is ended after it. It
 * also has a channel to us: when we are killed it notices (cli/millrace.mjs) and drains.
 */
export function runChild(args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      stdio: ['inherit', 'inherit', 'inherit', ...(options.channel ? ['ipc'] : [])],
      detached: true,
      env: options.env,
      cwd: options.cwd,
    });
    const stopPassing = passSignals(child);
    const timer = options.timeoutMs ? setTimeout(() => giveUp(child, options.timeoutMs), options.timeoutMs) : undefined;
    const end = (code) => {
      clearTimeout(timer);
      stopPassing();
      endGroup(child.pid);
      resolve(code);
    };
    child.on('error', (error) => {
      console.error(`millrace: cannot run ${args[0]}: ${error.message}`);
      end(1);
    });
    child.on('exit', (code, signal) => end(code ?? 128 + (signalNumbers[signal] ?? 1)));
  });
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

function passSignals(child) {
  let lastMs = -Infinity;
  const pass = (signal) => {
    const nowMs = performance.now();
    if (nowMs - lastMs <= sameWishMs) return;
    lastMs = nowMs;
    child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, pass);
  return () => signals.forEach((signal) => process.off(signal, pass));
}

function giveUp(child, timeoutMs) {
  console.error(`millrace: not done after ${Math.round(timeoutMs / 60_000)} minutes: ended`);
  endGroup(child.pid, 'SIGKILL');
}

function endGroup(pid, signal = 'SIGTERM') {
  try {
    if (pid) process.kill(-pid, signal);
  } catch {
    // Nothing of it is left.
  }
}
