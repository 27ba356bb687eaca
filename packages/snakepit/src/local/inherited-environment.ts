/**
 * What a worker may know of its host's environment. A list of what is allowed, because nobody can
 * list every name under which a secret lies around: keys, tokens and database addresses stay
 * behind unless the caller names them. A `*` at the end stands for any rest.
 */
const inherited: readonly string[] = [
  // Finding programs, and the user whose files these are.
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL"],
  // Language, and the clock on the wall.
  ...["LANG", "LANGUAGE", "LC_*", "TZ", "TZDIR"],
  // Where temporary files, settings and caches go.
  ...["TMPDIR", "TEMP", "TMP", "XDG_*"],
  // Whom to trust on the network. Paths of certificates, never keys.
  ...["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"],
  "CURL_CA_BUNDLE",
  // The way out of a company's network. By name: `*_PROXY` would also take a stranger's variable.
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY"],
  ...["http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"],
  // Shared libraries in unusual places. LD_PRELOAD is not here: it changes what a program does.
  ...["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"],
  // Graphics cards: which ones may be used, where their tools lie.
  ...["CUDA_*", "NVIDIA_*", "HIP_*", "ROCR_*", "ROCM_*", "GPU_DEVICE_ORDINAL"],
  ...["ONEAPI_DEVICE_SELECTOR", "ZE_AFFINITY_MASK"],
  // How many threads a numeric library may start, as the owner of the machine has decided.
  ...["OMP_*", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"],
];

/**
 * The part of `source` that workers inherit. `more` adds names in the same notation.
 */
export function inheritedEnvironment(
  source: Readonly<Record<string, string | undefined>>,
  more: readonly string[] = [],
): Record<string, string> {
  const patterns = [...inherited, ...more];
  const exact = new Set(patterns.filter((pattern) => !pattern.endsWith("*")));
  const prefixes = patterns
    .filter((pattern) => pattern.endsWith("*"))
    .map((pattern) => pattern.slice(0, -1));
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined) continue;
    if (exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix))) {
      environment[name] = value;
    }
  }
  return environment;
}
