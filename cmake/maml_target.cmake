# maml_header(VARIABLE HEADER PACKAGE): VARIABLE becomes the folder that holds HEADER, which Debian's PACKAGE installs.
function(maml_header variable header package)
  find_path(${variable} ${header})
  mark_as_advanced(${variable})
  if(NOT ${variable})
    message(FATAL_ERROR "<${header}> is missing (Debian, Ubuntu: apt-get install ${package}, or run scripts/setup)")
  endif()
endfunction()

# maml_target(TARGET): what everything of ours is compiled with. Instruction sets are chosen at run time, so no -m flags;
# a product and a sum are contracted only where the source says so, or results would depend on the compiler's mood.
function(maml_target target)
  target_compile_features(${target} PRIVATE cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE -ffp-contract=off)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Vectors passed between our own functions: GCC's note on an ABI of before 2010.
    target_compile_options(${target} PRIVATE -Wno-psabi)
  endif()
  if(MAML_SANITIZE)
    set(flags -fsanitize=${MAML_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    if(MAML_BUILD_FUZZ)
      list(APPEND flags -fsanitize=fuzzer-no-link)
    endif()
    target_compile_options(${target} PRIVATE ${flags})
    target_link_options(${target} PRIVATE ${flags})
  endif()
  if(MAML_WARNINGS)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
      -Wnon-virtual-dtor -Wcast-align -Wformat=2 -Wunused)
    # A layer writes one template where the contract has an overload for each number type, and so hides them.
    target_compile_options(${target} PRIVATE -Wno-overloaded-virtual)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # GCC 12 warns of std::string's own code (its bug 105651).
      target_compile_options(${target} PRIVATE -Wno-restrict)
    endif()
    if(MAML_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # GCC guesses these from control flow, which instrumentation changes.
      target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow)
    endif()
  endif()
  # A compiler younger than ours may warn of more: that must not stop a newcomer's build.
  if(MAML_DEVELOPER AND PROJECT_IS_TOP_LEVEL
      AND ((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
        OR (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15)))
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
