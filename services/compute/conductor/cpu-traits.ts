// Features of a processor, by libvirt's names, as placement's traits.

/** What is not listed has no standard trait. */
// biome-ignore format: a table
const TRAIT_OF: Readonly<Record<string, string>> = {
  '3dnow': '3DNOW', abm: 'ABM', aes: 'AESNI', ssbd: 'INTEL_SSBD', ibpb: 'AMD_IBPB', 'amd-no-ssb': 'AMD_NO_SSB',
  'amd-ssbd': 'AMD_SSBD', svm: 'AMD_SVM', 'virt-ssbd': 'AMD_VIRT_SSBD', sev: 'AMD_SEV',
  avx: 'AVX', avx2: 'AVX2', avx512bitalg: 'AVX512BITALG', 'avx512-bitalg': 'AVX512BITALG', avx512bw: 'AVX512BW',
  avx512cd: 'AVX512CD', avx512dq: 'AVX512DQ', avx512er: 'AVX512ER', avx512f: 'AVX512F', gfni: 'AVX512GFNI',
  avx512ifma: 'AVX512IFMA', avx512pf: 'AVX512PF', vaes: 'AVX512VAES',
  avx512vbmi: 'AVX512VBMI', avx512vbmi2: 'AVX512VBMI2', avx512vl: 'AVX512VL', avx512vnni: 'AVX512VNNI',
  vpclmulqdq: 'AVX512VPCLMULQDQ', 'avx512-vpopcntdq': 'AVX512VPOPCNTDQ', bmi1: 'BMI', bmi2: 'BMI2',
  pclmuldq: 'CLMUL', f16c: 'F16C', fma: 'FMA3', fma4: 'FMA4', 'md-clear': 'INTEL_MD_CLEAR', pcid: 'INTEL_PCID',
  'spec-ctrl': 'INTEL_SPEC_CTRL', vmx: 'INTEL_VMX', mmx: 'MMX', mpx: 'MPX', pdpe1gb: 'PDPE1GB', sgx: 'SGX',
  'sha-ni': 'SHA', sse: 'SSE', sse2: 'SSE2', pni: 'SSE3', 'sse4.1': 'SSE41', 'sse4.2': 'SSE42', sse4a: 'SSE4A',
  ssse3: 'SSSE3', stibp: 'STIBP', tbm: 'TBM', rtm: 'TSX', xop: 'XOP',
}

/** The names that newer traits took over from. */
const ALSO: Readonly<Record<string, string>> = { svm: 'SVM', vmx: 'VMX' }

export function cpuTraits(features: readonly string[]): string[] {
  const names = features.flatMap((feature) => [TRAIT_OF[feature] ?? [], ALSO[feature] ?? []].flat())
  return [...new Set(names)].map((name) => `HW_CPU_X86_${name}`)
}
