#pragma once

namespace maml {

/// The instruction sets the kernels are compiled for. `baseline` is whatever the compiler may assume of the platform
/// (plain x86-64, or NEON on Arm); `avx2` includes FMA; `avx512` needs F, BW, CD, DQ and VL.
enum class Isa { baseline, avx2, avx512 };

/// The instruction set in use: the one last given to `use_isa`, else what the environment variable MAML_ISA names
/// (baseline, avx2, avx512), else the best this CPU has. Throws `Error` if MAML_ISA is unknown or the CPU lacks it.
Isa active_isa();

const char* isa_name(Isa isa);
bool isa_supported(Isa isa);

/// Switches to `isa` all calls that are dispatched, and all objects that are made, from now on. Objects that exist keep
/// the one they were made with. Throws `Error` if the CPU lacks it.
void use_isa(Isa isa);

}  // namespace maml
